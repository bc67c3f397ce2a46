class A:
    K = 2
    @classmethod
    def c(cls, x):
        return cls.K
f = A.c
