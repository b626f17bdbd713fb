"""What agents ask and are told: who works where, on what at the same time, and how to have lost words back."""
