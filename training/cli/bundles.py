"""`thalamus-train measure | calibrate | quantize | card`: commands on a published bundle."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from training.cli.applied import use_threads
from training.cli.arguments import BundleName, Conversion, LabelledFiles, Published, Reading
from training.cli.lookup import (
    check_data,
    check_labelled,
    check_report,
    local_data,
    newest,
    print_published,
)


def measure(
    name: BundleName,
    /,
    *,
    data: LabelledFiles,
    reading: Reading = Reading(),
    bundle: Published = Published(),
    report: Annotated[
        Path | None, Parameter(help="File to write all figures and mistakes to, as JSON.")
    ] = None,
) -> None:
    """Measure a published bundle on your labelled files; nothing is changed.

    Example: thalamus-train measure digits --data scans --report scans.json
    """
    data = local_data(data)
    check_data(data)
    check_report(report)
    found = newest(bundle.models, name, bundle.version)
    check_labelled(data, reading)

    from app.disk import replace_file, writing
    from training.runs.measure import measure

    use_threads(bundle.threads)
    measured = measure(found, data, options=reading.options())
    print("\n".join(measured.lines()))
    if report is not None:
        with writing("the report", report.parent, "name another file with --report"):
            replace_file(report, measured.report())


def calibrate(
    name: BundleName,
    /,
    *,
    data: LabelledFiles,
    reading: Reading = Reading(),
    bundle: Published = Published(),
) -> None:
    """Publish a bundle's next version, calibrated on your labelled files.

    Temperature, label sets and the novelty threshold are set; the network stays as it is.

    Example: thalamus-train calibrate digits --data scans
    """
    data = local_data(data)
    check_data(data)
    found = newest(bundle.models, name, bundle.version)
    check_labelled(data, reading)

    from training.runs.calibrate import publish_calibrated

    use_threads(bundle.threads)
    print_published(publish_calibrated(found, data, bundle.models, options=reading.options()))


def card(
    name: BundleName,
    /,
    *,
    reliability: Annotated[
        bool,
        Parameter(
            negative="",
            help="Measure the reliability diagram on the validation samples that set the "
            "thresholds, if none was stored. The test split is not used.",
        ),
    ] = False,
    data: Annotated[
        Path | None,
        Parameter(
            help="Folder or archive of the recipe's data, if it is not to be downloaded; implies "
            "--reliability."
        ),
    ] = None,
    bundle: Published = Published(),
) -> None:
    """Write a published bundle's model card anew from what the bundle stores.

    Graph, golden cases and figures stay as they are; otherwise nothing is written.

    Example: thalamus-train card digits --reliability
    """
    check_data(data)
    found = newest(bundle.models, name, bundle.version)

    from training.runs.card import rewrite_card, validation_reliability

    use_threads(bundle.threads)
    changes = {}
    if reliability or data is not None:
        changes["reliability"] = validation_reliability(found, data)
    print(f"rewrote {rewrite_card(found, bundle.models, **changes)}")


def quantize(
    name: BundleName,
    /,
    *,
    precision: Annotated[
        Literal["int8", "fp16"], Parameter(help="int8: for CPUs. fp16: for GPUs.")
    ],
    data: Annotated[
        Path | None,
        Parameter(help="The data that the bundle was trained on; for imagenet, pictures."),
    ] = None,
    reading: Reading = Reading(),
    bundle: Published = Published(),
    conversion: Conversion = Conversion(),
) -> None:
    """Publish a bundle's next version in fewer bits, if it is faster and as accurate.

    Example: thalamus-train quantize digits --precision int8
    """
    check_data(data)
    found = newest(bundle.models, name, bundle.version)

    from training.runs.convert import ConversionLimits, publish_converted

    use_threads(bundle.threads)
    limits = ConversionLimits(
        conversion.most_lost / 100,
        conversion.most_changed / 100,
        conversion.force,
        conversion.device,
    )
    folder = publish_converted(
        found, precision, data, bundle.models, limits, options=reading.options()
    )
    print_published(folder)
