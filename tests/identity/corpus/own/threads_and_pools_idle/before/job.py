import concurrent.futures, threading, multiprocessing
POOL = concurrent.futures.ThreadPoolExecutor(1)
def f(x):
    return POOL.submit(abs, x).result()
