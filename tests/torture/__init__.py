"""`make torture`: failing system calls, cut power and a crowd, counted into docs/reliability.md."""
