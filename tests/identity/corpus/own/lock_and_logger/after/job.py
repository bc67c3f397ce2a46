import logging, threading
LOCK = threading.Lock()
LOG = logging.getLogger('b')
LOG.addHandler(logging.NullHandler())
def f(x):
    with LOCK:
        LOG.info('x')
    return x
