"""What tests are made with: repositories, commands, services, pages, and what must hold of them."""
