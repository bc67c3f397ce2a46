import click
def cb(ctx, par, v): return v + 1
@click.command()
@click.option('--n', default=1, callback=cb)
def c(n): return n
def f(): return c.main([], standalone_mode=False)
