"""Pure rules of uploading: standard library only, no input or output."""
