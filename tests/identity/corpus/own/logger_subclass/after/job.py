import logging
class L(logging.Logger):
    def mine(self):
        return 2
LOG = L('a')
def f(x):
    return LOG.mine()
