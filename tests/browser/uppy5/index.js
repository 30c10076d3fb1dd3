/** What a page takes of Uppy 5. */

export { default as AwsS3 } from "@uppy/aws-s3";
export { default as Uppy } from "@uppy/core";
export { default as GoldenRetriever } from "@uppy/golden-retriever";
