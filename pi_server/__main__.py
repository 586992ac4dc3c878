"""``python -m pi_server`` is ``pi-server``."""

from pi_server.cli import main

if __name__ == "__main__":
    main()
