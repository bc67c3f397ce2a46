class A:
    K = 1
    @classmethod
    def c(cls, x):
        return cls.K
f = A.c
