"""The portal: people's own keys, made of the console's parts."""
