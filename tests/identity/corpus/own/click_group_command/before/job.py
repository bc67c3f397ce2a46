import click
@click.group(invoke_without_command=True)
def g(): return 0
@g.command()
def c(): return 1
def f(): return g.main(['c'], standalone_mode=False)
