project      = "example-booking"
image_digest = "sha256:001d057c49888db925f47ba4f0cbb75edf527893381dc5a27d7a965c766508c4"
