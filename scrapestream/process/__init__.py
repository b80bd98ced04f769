"""The roles as processes, one file each: what each is made of."""
