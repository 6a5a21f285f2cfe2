"""exporter: what the stores hold, as metrics that stay when functions scale to zero."""
