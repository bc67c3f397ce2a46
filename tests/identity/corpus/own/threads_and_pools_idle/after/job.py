import concurrent.futures, threading, multiprocessing
POOL = concurrent.futures.ThreadPoolExecutor(1)
POOL.submit(abs, 1).result()
def f(x):
    return POOL.submit(abs, x).result()
