"""Putting the program on a Linux machine without an administrator: files, shortcuts, and taking them away again."""
