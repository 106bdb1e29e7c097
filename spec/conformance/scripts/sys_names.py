import sys
print(sorted(vars(sys)))
print(sys.meta_path, len(sys.path_hooks), sorted(sys.path_importer_cache)[:1])
