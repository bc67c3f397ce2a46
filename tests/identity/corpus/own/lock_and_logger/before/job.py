import logging, threading
LOCK = threading.Lock()
LOG = logging.getLogger('a')
def f(x):
    with LOCK:
        LOG.info('x')
    return x
