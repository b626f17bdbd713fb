"""Step 1: look at git and the files, and say what the ledger does not know yet."""
