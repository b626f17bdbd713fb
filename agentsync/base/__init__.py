"""What everything else stands on: values, files, git, the configuration."""
