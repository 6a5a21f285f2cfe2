"""One folder, one Knative Service; none imports another."""
