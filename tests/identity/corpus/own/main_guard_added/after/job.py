def f(x):
    return x

if __name__ == '__main__':
    print(f(1))
