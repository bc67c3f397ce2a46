import logging
LOG = logging.getLogger(__name__)
def f(x):
    LOG.info('a %s', x)
    return x
