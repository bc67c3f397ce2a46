async def g(n):
    for i in range(n):
        yield i + 1
async def f(x):
    return [i async for i in g(x)]
