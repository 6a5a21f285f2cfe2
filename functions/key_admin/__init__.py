"""key_admin: the control plane."""
