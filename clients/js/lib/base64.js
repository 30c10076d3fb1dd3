/** Bytes as S3 writes checksums. */
export function base64(bytes) {
  return btoa(String.fromCharCode(...bytes));
}
