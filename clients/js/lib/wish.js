/** What to ask the service for, for one file. */

/** `checksum` as the service takes it, null for none. */
export function wishFor(file, { filename, type, policy, metadata }, checksum = null) {
  const bare = {
    filename: filename ?? file.name ?? "blob",
    type: type ?? (file.type.split(";")[0].trim() || "application/octet-stream"),
    file_size: file.size,
    method: "auto",
    metadata: metadata ?? {},
  };
  return { ...bare, ...(policy && { policy }), ...(checksum && { checksum }) };
}
