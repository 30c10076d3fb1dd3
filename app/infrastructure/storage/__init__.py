"""The object store: any S3, spoken to through boto3, signed for by hand."""
