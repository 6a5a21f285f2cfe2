"""`relayctl apply`: a file that says what there is to be, compared and made so."""
