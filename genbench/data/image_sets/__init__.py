"""Images that somebody has, whole and as they are: folders, archives, arrays, loaders."""
