import json
import re
from html.parser import HTMLParser

import pytest

from cellid.errors import CellidError
from cellid.report import write_report

from .studies import make_dataset, make_evaluation, make_run

VOID = {"meta", "img", "br", "source"}


class Page(HTMLParser):
    """Checks that tags nest, and keeps the text and the addresses of a page."""

    def __init__(self, text):
        super().__init__()
        self.open, self.text, self.addresses, self.ids = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.open += [tag] if tag not in VOID else []
        values = dict(attributes)
        self.ids += [values["id"]] if "id" in values else []
        self.addresses += [values[name] for name in ("src", "srcset", "href") if values.get(name)]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.text.append(data)

    def words(self):
        return " ".join(" ".join(self.text).split())


def write(study, evaluations):
    report = write_report(study.mixed, evaluations, study.mixed)
    return Page(report.read_text(encoding="utf-8"))


def test_the_page_needs_nothing_else(study):
    page = write(study, study.evaluations)

    outside = [a for a in page.addresses if not a.startswith(("data:image/", "#"))]
    assert outside == []
    inner = [address[1:] for address in page.addresses if address.startswith("#")]
    assert set(inner) <= set(page.ids)
    text = (study.mixed / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"https?://|@import|\burl\(", text)


def test_three_ways_to_count_stand_side_by_side(study):
    words = write(study, study.evaluations).words()

    for way in ("connected patches", "touching ones apart", "nucleus area over that of one"):
        assert words.count(way) == 1
    assert "Lower limit" in words


def test_the_summary_speaks_in_numbers_of_nuclei(study):
    words = write(study, study.evaluations).words()

    assert "trained on 4 crops of 2 fields, with 32 labelled nuclei, for 4 epochs" in words
    assert "weights of epoch 3, the best on 2 crops of 1 field kept aside" in words
    assert "judged on 6 crops of 3 fields that it had never seen" in words
    assert "Of every 100 labelled nuclei it finds 92 (" in words
    assert "off by 0.7 ; over all crops it counts 8.3 % fewer than labelled" in words
    assert "With only 3 fields they are rough" in words
    assert "The labels are not the truth." in words
    assert "dropped: few nucleus pixels" in words


def test_the_page_tells_what_each_rule_would_drop(study):
    words = write(study, study.evaluations).words()

    # of 6 fields the crop without nuclei, and the blurred one, which is kept
    assert "few nucleus pixels drop_lowest the lowest 25% 0–0.156 in force 4 0" in words
    assert "doubtful max_doubt above 0.35 0.2–1 off 12 6" in words
    assert "out of focus min_focus below 0.5 0.4–0.8 off 6 6" in words
    assert "faint min_contrast_to_noise below 5 not measured off 0 0" in words
    assert "a1_y0_x64, 10 nuclei, doubt 0.40" in words


def test_names_from_files_are_escaped(study):
    write(study, study.evaluations)
    text = (study.mixed / "report.html").read_text(encoding="utf-8")

    assert "&lt;3T3&gt;" in text
    assert "<3T3>" not in text
    assert "a stain &amp; a phase" in text


def test_tables_hold_the_scores_with_intervals(study):
    write(study, study.evaluations)
    text = (study.mixed / "report.html").read_text(encoding="utf-8")

    heads = re.findall(r'<th scope="col"><button type="button">(.*?)</button>', text)
    assert heads[:3] == ["Classifier and cell line", "F1 at IoU 0.5", "Precision"]
    for columns in (
        ["Precision", "Recall", "Dice", "IoU"],
        ["Precision", "Recall", "Accuracy", "Dice", "IoU"],
    ):
        n = len(columns)
        assert columns in [heads[i : i + n] for i in range(len(heads))]
    # recall of HeLa by the mixed classifier
    assert '<td class=n data-key="0.875"><b>0.875</b><small>0.750–1.000</small></td>' in text


def test_report_json_holds_what_the_page_shows(study):
    write(study, study.evaluations)

    report = json.loads((study.mixed / "report.json").read_text(encoding="utf-8"))

    assert report["training"] == {
        "epochs": 4,
        "best": {"epoch": 3, "iou": 0.7, "loss": 0.01, "val_iou": 0.6, "val_loss": 0.02},
    }
    assert report["dataset"]["dropped"] == {"few_nuclei": 6}
    pure, _, mixed = report["scores"]
    assert (pure["classifier"], pure["line"], pure["trained_on"]) == ("pure", "HeLa", ["HeLa"])
    assert (mixed["classifier"], mixed["line"], mixed["crops"]) == ("mixed", "HeLa", 4)
    assert mixed["pooled"]["instance_recall"] == {"estimate": 0.875, "low": 0.75, "high": 1}
    assert mixed["mean"]["instance_recall"] == pytest.approx((4 / 6 + 8 / 10 + 2) / 4)
    assert mixed["images"][0]["id"] == "a3_y0_x0"
    assert (study.mixed / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_that_finds_nothing_has_a_report(study, tmp_path):
    nothing = make_evaluation(
        tmp_path / "nothing", study.mixed, study.dataset, lambda _, labels: 0 * labels
    )

    words = write(study, [nothing]).words()

    assert "Of every 100 labelled nuclei it finds 0 (0–0)" in words
    assert "of every 100 nuclei that it reports, –" in words


def test_a_run_without_a_test_has_a_report(study):
    page = write(study, [])

    assert "Nothing was evaluated." in page.words()
    assert json.loads((study.mixed / "report.json").read_text())["scores"] == []


def test_a_single_nameless_line_and_given_labels(tmp_path):
    dataset = make_dataset(
        tmp_path / "one", {"f": ("", "train"), "g": ("", "validation"), "h": ("", "test")}
    )
    file = dataset.folder / "dataset.json"
    file.write_text(file.read_text().replace('"method": "auto"', '"method": "given"'))
    run = make_run(tmp_path / "only", dataset, ("",))

    report = write_report(run, [make_evaluation(run / "evaluation", run, dataset)], tmp_path / "o")

    words = Page(report.read_text(encoding="utf-8")).words()
    assert report == tmp_path / "o" / "report.html"
    assert "The labels were given with the data" in words
    assert "all cells" in words
    assert "comes from a single field, so nothing can be said" in words


def test_a_lost_history_is_told(study):
    (study.mixed / "history.csv").unlink()

    with pytest.raises(CellidError, match=r"history\.csv"):
        write_report(study.mixed, [], study.mixed)


def test_a_changed_data_set_is_told(study):
    file = study.dataset.folder / "manifest.csv"
    manifest = study.dataset.manifest
    manifest.loc[0, ["kept", "reason"]] = False, "out_of_focus"
    manifest.to_csv(file, index=False)

    words = write(study, study.evaluations).words()

    assert "dropped: out of focus" in words
    assert "the data set has changed since this run was trained on it" in words
