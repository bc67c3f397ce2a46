import click
@click.command()
@click.option("--n", type=click.Choice(["a"]))
def command(n):
    return n
def f():
    return tuple(command.params[0].type.choices)
