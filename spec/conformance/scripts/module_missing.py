try:
    import no_such_module
except ImportError as error:
    print(repr(error), error.name, error.path)
import another_missing_one
