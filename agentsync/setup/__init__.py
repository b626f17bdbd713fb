"""What `init` puts into a clone, what `doctor` and `check` find, and `uninstall` takes out."""
