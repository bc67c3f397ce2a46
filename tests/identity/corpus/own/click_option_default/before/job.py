import click
@click.command()
@click.option('--n', default=1)
def c(n): return n
def f(): return c.main([], standalone_mode=False)
