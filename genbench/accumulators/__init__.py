"""What metrics keep of a stream of images, in forms that several processes merge exactly."""
