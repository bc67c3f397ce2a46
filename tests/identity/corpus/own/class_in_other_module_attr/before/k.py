class B:
    def m(self):
        return 1
