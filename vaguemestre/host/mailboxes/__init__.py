"""Our own mailboxes (BAL) on their host: what they are, how they live and end, and the directory that holds them."""
