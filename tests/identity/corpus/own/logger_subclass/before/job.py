import logging
class L(logging.Logger):
    def mine(self):
        return 1
LOG = L('a')
def f(x):
    return LOG.mine()
