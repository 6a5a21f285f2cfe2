"""AWS Bedrock's wire formats."""
