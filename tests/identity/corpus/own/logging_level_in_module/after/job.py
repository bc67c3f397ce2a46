import logging
LOG = logging.getLogger('other')
def f(x):
    LOG.info('a %s', x)
    return x
