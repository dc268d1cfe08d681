"""README's table of the models that load is what they do."""
import pathlib
import unittest

from supported_models import table

README = pathlib.Path(__file__).resolve().parents[2] / "README.md"


class SupportedModels(unittest.TestCase):
    maxDiff = None

    def test_readme_has_the_table(self):
        found = table()
        self.assertNotIn("WRONG", found)
        self.assertIn(found, README.read_text(encoding="utf-8"))


if __name__ == "__main__":
    unittest.main()
