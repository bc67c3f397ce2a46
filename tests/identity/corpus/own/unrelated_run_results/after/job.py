import time
RESULT = object()
NOW = time.time()
import threading
T = threading.Thread()
def f(x):
    return x
