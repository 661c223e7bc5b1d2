"""An establishment moves from one stack to another, and no mail is lost: `vaguemestre move`."""
