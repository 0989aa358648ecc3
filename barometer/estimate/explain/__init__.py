"""Why an estimate differs from that of the release before: everything estimated again with one factor swapped."""
