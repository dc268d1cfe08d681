"""`clipq report`: its files, and report.html in a browser: every chart drawn, nothing broken, nothing fetched."""
import json
import os
import pathlib
import re
import shutil
import unittest

from page_results import AWKWARD, BLOCKS, MODELS, PAIRS, classified, everything
from playwright.sync_api import sync_playwright
from support import CliTest

CHROMIUM = os.environ.get("CHROMIUM", shutil.which("chromium") or "")
# Screenshots are left here for people to look at.
SHOTS = pathlib.Path(os.environ["CLIPQ_BUILD"]) / "screenshots"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]
# The marks that each chart must have: ECharts draws bars, points and cells as paths.
MARKS = {"search-search": 3, "search-held_out": 4, "sensitivity-image": 2 * BLOCKS, "sensitivity-text": 2 * BLOCKS, "accuracy-size": 3, "accuracy-latency": 3, "sizes": 12, "depth-image": 2 * BLOCKS, "depth-text": 2 * BLOCKS,
         "similarity-before": PAIRS**2, "similarity-after": PAIRS**2, "similarity-change": PAIRS**2, "weights": 2, "gelu": 96}


class ReportTest(CliTest):
    def report(self, *results, **options):
        path = self.folder / "results.json"
        path.write_text(json.dumps({"results": list(results)}))
        self.ok("report", path, "-o", self.folder / "out" / "deep", *options.get("arguments", ()))
        return self.folder / "out" / "deep"


class ReportFiles(ReportTest):
    def test_three_files(self):
        folder = self.report(*everything(), arguments=("--title", AWKWARD))
        self.assertEqual(sorted(path.name for path in folder.iterdir()), ["report.html", "report.json", "report.md"])
        document = json.loads((folder / "report.json").read_text())
        self.assertEqual(document["title"], AWKWARD)
        self.assertEqual([entry["model"]["path"] for entry in document["models"]], [model["path"] for model in MODELS])
        self.assertEqual(document["results"][1]["environment"]["command"], f"clipq eval '{AWKWARD}'")
        self.assertEqual(document["models"][1]["model"]["parts"], MODELS[1]["parts"])
        markdown = (folder / "report.md").read_text()
        self.assertNotIn("<img", markdown)
        rows = [line for line in markdown.split("\n") if line.startswith("| ")][:5]
        self.assertEqual(len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}), 1, rows)

    def test_results_of_report_json_can_be_read_again(self):
        folder = self.report(*everything())
        self.ok("report", folder / "report.json", "-o", self.folder / "again")
        again = json.loads((self.folder / "again" / "report.json").read_text())
        self.assertEqual(again, json.loads((folder / "report.json").read_text()))

    def test_bad_input(self):
        self.fails(3, "nowhere.json does not exist", "report", self.folder / "nowhere.json", "-o", self.folder / "out")
        (self.folder / "cut.json").write_text('{"results": [{')
        self.fails(3, "not valid JSON", "report", self.folder / "cut.json", "-o", self.folder / "out")
        (self.folder / "empty.json").write_text('{"results": []}')
        self.fails(2, "no Results", "report", self.folder / "empty.json", "-o", self.folder / "out")
        self.fails(2, "required", "report", "-o", self.folder / "out")
        good = self.folder / "good.json"
        good.write_text(json.dumps({"results": [classified(0)]}))
        (self.folder / "file").write_text("")
        self.fails(3, "file", "report", good, "-o", self.folder / "file")
        wrong = {**classified(0), "model": {**MODELS[0], "parts": {"image blocks": "many"}}}
        good.write_text(json.dumps({"results": [wrong]}))
        self.fails(3, r"results\[0\]\.model\.parts\.image blocks: .*integer", "report", good, "-o", self.folder / "out")
        self.assertFalse((self.folder / "out").exists())


@unittest.skipUnless(CHROMIUM, "needs chromium (scripts/setup.sh --tests), or its path in CHROMIUM")
class ReportPage(ReportTest):
    @classmethod
    def setUpClass(cls):
        cls.playwright = sync_playwright().start()
        cls.browser = cls.playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        SHOTS.mkdir(exist_ok=True)

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        cls.playwright.stop()

    def open(self, folder, width=1200, scheme="light"):
        """The page, with what it said and asked for in `self.messages` and `self.requests`."""
        self.messages, self.requests = [], []
        page = self.browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.set_default_timeout(120000)  # a loaded machine
        self.addCleanup(page.close)
        page.on("console", lambda message: self.messages.append(message.text))
        page.on("pageerror", lambda failure: self.messages.append(str(failure)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto((folder / "report.html").as_uri())
        return page

    def assert_quiet(self):
        self.assertEqual(self.messages, [])
        self.assertEqual([url for url in self.requests if not url.startswith(("file:", "data:"))], [])
        self.assertEqual(len([url for url in self.requests if url.startswith("file:")]), 1)

    def marks(self, page):
        return page.evaluate("""() => Object.fromEntries([...document.querySelectorAll("[data-chart]")].map((node) =>
            [node.dataset.chart, [...node.querySelectorAll("svg path")].filter((path) => {
              const box = path.getBBox();
              return box.width + box.height > 1 && path.getAttribute("d").length > 10;
            }).length]))""")

    def test_everything_is_drawn(self):
        folder = self.report(*everything(), arguments=("--title", AWKWARD))
        for name, width, scheme in (("light", 1200, "light"), ("dark", 1200, "dark"), ("phone", 390, "light")):
            page = self.open(folder, width, scheme)
            marks = self.marks(page)
            self.assertEqual(set(marks), set(MARKS))
            for chart, least in MARKS.items():
                self.assertGreaterEqual(marks[chart], least, f"{chart} in {name}")
            self.assertEqual(page.locator(".absent:not(noscript .absent)").count(), 0)
            self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), width)
            page.screenshot(path=SHOTS / f"report-{name}.png", full_page=True)
            self.assert_quiet()

    def test_text_from_data_is_shown_and_inert(self):
        page = self.open(self.report(*everything(), arguments=("--title", AWKWARD)))
        self.assertIn("<img src=x", page.title())
        self.assertEqual(page.locator("h1").text_content(), AWKWARD)
        self.assertEqual(page.locator("blockquote").first.text_content(), AWKWARD)
        self.assertIn(AWKWARD, page.locator("#measured pre").text_content())
        for chart, series in (("accuracy-size", 2), ("sizes", 0), ("similarity-change", 0), ("depth-text", 0), ("sensitivity-text", 0), ("search-held_out", 2)):
            page.evaluate("""([chart, seriesIndex]) => echarts.getInstanceByDom(document.querySelector(`[data-chart=${chart}]`))
                .dispatchAction({type: "showTip", seriesIndex, dataIndex: 1})""", [chart, series])
            self.assertIn("<img src=x", page.locator(f"[data-chart={chart}] .tip").text_content(), chart)
        self.assertEqual(page.locator("img").count(), page.locator("img[src^='data:image/jpeg']").count())
        self.assertIsNone(page.evaluate("window.broken || null"))
        self.assert_quiet()

    def test_controls(self):
        page = self.open(self.report(*everything()))
        rows = page.locator("#quantizers tbody tr")
        self.assertEqual(rows.count(), BLOCKS + 1)
        page.locator("#quantizers input").fill("input_quant")
        self.assertEqual(rows.count(), 1)
        page.locator("#quantizers input").fill("")
        page.get_by_role("button", name="SQNR dB").click()
        self.assertIn("resblocks.2", rows.first.text_content())
        page.get_by_role("button", name="SQNR dB").click()
        self.assertIn("at run time", rows.first.text_content())
        page.get_by_role("button", name="Largest token").click()
        page.get_by_role("button", name="Largest token").click()
        self.assertIn("12.3×2.0 % outliers", rows.first.text_content())
        outliers = page.locator("#outliers tbody tr")
        self.assertEqual(outliers.count(), BLOCKS)
        self.assertEqual(outliers.first.text_content(), "after block 220.5×, at 5 in 100 %, 9 in 25 %2.5×")
        self.assertIn("Text tower: no outliers.", page.locator("#outliers").text_content())
        page.locator("#gelu select").select_option(index=1)
        self.assertIn("No static range here", page.locator("#gelu .about").last.text_content())
        page.locator("#depth select").select_option(index=1)
        self.assertIn("0.9999", page.locator("[data-chart=depth-text]").text_content())
        page.locator("#sensitivity select").select_option(index=1)
        self.assertIn("1 − cosine", page.locator("[data-chart=sensitivity-text]").text_content())
        self.assertIn("all quantized", page.locator("[data-chart=sensitivity-text]").text_content())
        self.assertIn("(found)", page.locator("[data-chart=search-held_out]").text_content())
        self.assertIn("goal", page.locator("[data-chart=search-search]").text_content())
        self.assertEqual(page.locator("#search table").first.locator("tbody tr").count(), 4)
        page.locator("#retrieval select").select_option(index=1)
        self.assertIn("correct image at rank 3", page.locator("#retrieval").text_content())
        page.locator("#index select").last.select_option(index=1)
        page.locator("#index select").first.select_option(index=1)  # which has no binary index
        self.assertIn("recall@10", page.locator("#index table").first.text_content())
        page.locator("#index select").last.select_option(index=1)
        self.assertEqual(page.locator("#index table").count(), 2)
        square = page.locator("#index table").first.text_content()
        self.assertIn("recall@10", square)
        self.assertIn("loss +2.00", square)
        self.assertIn("overlap 80.0 %", square)
        self.assertEqual(page.locator("#index li").count(), 1)
        self.assert_quiet()

    def test_what_is_missing_says_how_to_get_it(self):
        page = self.open(self.report(classified(0), classified(1)))
        for section, command in (("headline", "clipq bench"), ("depth", "--task layers"), ("weights", "--task layers"),
                                 ("gelu", "--task layers"), ("quantizers", "--task layers"), ("outliers", "--task layers"), ("similarity", "--task drift"),
                                 ("retrieval", "--task drift"), ("index", "--task index_compatibility"),
                                 ("sensitivity", "clipq sensitivity base.pt "), ("search", "clipq search base.pt ")):
            self.assertIn(command, page.locator(f"#{section} .absent").first.text_content(), section)
        self.assertEqual(set(self.marks(page)), {"accuracy-size", "sizes"})
        self.assert_quiet()

    def test_times_of_another_machine_are_in_no_chart(self):
        results = everything()
        for result in results:
            if result["task"] == "bench" and result["model"]["path"] == "fp8.pt":
                result["environment"] = {**result["environment"], "cpu": "another"}
        page = self.open(self.report(*results))
        self.assertIn("fp8 (image)", page.locator("[data-chart=accuracy-size]").text_content())
        self.assertNotIn("fp8 (image)", page.locator("[data-chart=accuracy-latency]").text_content())

    def test_files_of_clip_benchmark(self):
        path = self.folder / "peers.json"
        path.write_text(json.dumps([{"dataset": "wds/cifar100", "model": name, "pretrained": "openai", "language": "en",
                                     "task": "zeroshot_classification", "metrics": {"acc1": acc1, "acc5": float("nan")}}
                                    for name, acc1 in (("ViT-B-32", 0.61), ("ViT-B-16", 0.66))]))
        self.ok("report", path, "-o", self.folder / "peers")
        page = self.open(self.folder / "peers")
        self.assertIn("61.00 %", page.locator("#headline").text_content())
        self.assertEqual(self.marks(page), {})
        self.assert_quiet()

    def test_damaged_details_cost_their_section_only(self):
        results = everything()
        for result in results:
            if "depth" in result.get("details", {}):
                result["details"]["depth"] = {"image": {"sqnr_db": 3}}
                result["details"]["weights"] = 5
        page = self.open(self.report(*results))
        for section in ("depth", "weights"):
            self.assertIn("These data can't be shown", page.locator(f"#{section} .absent").text_content(), section)
        marks = self.marks(page)
        self.assertEqual(set(marks), {name for name in MARKS if not name.startswith(("depth", "weights"))})
        for chart, found in marks.items():
            self.assertGreaterEqual(found, MARKS[chart], chart)
        self.assert_quiet()

    def test_a_tower_that_is_untouched_has_no_curve(self):
        results = everything()
        exact = {"cosine": [1.0] * BLOCKS, "sqnr_db": [200.0] * BLOCKS}
        results[-1]["details"]["depth"] = {**results[-1]["details"]["depth"], "image": exact}
        page = self.open(self.report(*results))
        marks = self.marks(page)
        self.assertLess(marks["depth-image"], marks["depth-text"])
        self.assertIn("Image tower, the same as the first model's", page.locator("#depth").text_content())
        self.assert_quiet()

    def test_data_that_differ_in_their_prompts_are_told_apart(self):
        results = everything()
        for index in range(len(MODELS)):
            results.append(classified(index))
            results[-1]["data"] = {**results[-1]["data"], "templates": 80}
        headline = self.open(self.report(*results)).locator("#headline").text_content()
        for templates in (80, results[0]["data"]["templates"]):
            self.assertIn(f"{templates} templates", headline)
        self.assert_quiet()

    def test_other_settings_are_other_columns(self):
        results = everything()
        for result in results[:len(MODELS)]:
            result["settings"] = {"prompts_sha256": "0" * 64}
        other = classified(0)
        other["settings"] = {"prompts_sha256": "1" * 64}
        other["metrics"] = {"acc1": 0.001}
        headline = self.open(self.report(*results, other)).locator("#headline").text_content()
        self.assertIn("prompts_sha256 000000000000", headline)
        self.assertIn("prompts_sha256 111111111111", headline)
        self.assertNotIn("nan", headline.lower())
        base = results[0]["metrics"]["acc1"]
        self.assertIn(f"{100 * base:.2f} %", headline)
        self.assert_quiet()

    def test_a_model_is_known_by_its_digest(self):
        results = everything()
        results[0]["model"] = {**results[0]["model"], "path": "elsewhere/clip.pt"}
        folder = self.report(*results)
        self.assertEqual(len(json.loads((folder / "report.json").read_text())["models"]), len(MODELS))

    def test_print(self):
        page = self.open(self.report(*everything()), scheme="dark")
        page.emulate_media(media="print", color_scheme="dark")
        page.pdf(path=SHOTS / "report.pdf", format="A4")
        self.assertGreater((SHOTS / "report.pdf").stat().st_size, 20000)
        self.assert_quiet()


if __name__ == "__main__":
    unittest.main()
