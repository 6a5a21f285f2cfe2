"""AWS Bedrock's Converse, as a provider answers it; no caller speaks it to Relay.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html and
botocore's service-2.json of bedrock-runtime. Its binary event stream is read as server-sent events
(`event: <type>`, `data: <JSON>`).
"""
