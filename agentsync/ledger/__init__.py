"""The ledger: records, their file, the fold, and what is known of its past."""
