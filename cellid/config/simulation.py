"""Settings of simulated pairs."""

from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from cellid.config.base import Settings


class SimulateSettings(Settings):
    """Simulated pairs: the specimen, the microscope and the plate; one unit a name.

    The thesis's formats (section 5.2.2): 1408×1040 pixels of an Incucyte's 10× objective.
    """

    seed: int = Field(1, ge=0, description="seed; every tile draws from a stream of its own")
    wells: tuple[Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,2}\d{1,2}$")], ...] = Field(
        ("A1", "A2"), min_length=1, description="names of the wells, such as B12"
    )
    tiles: int = Field(2, ge=1, description="tiles (fields) a well")
    frames: int = Field(3, ge=1, description="times a tile")
    interval_min: int = Field(120, ge=1, description="minutes between two times")
    height_px: int = Field(1040, ge=64, description="rows of an image")
    width_px: int = Field(1408, ge=64, description="columns of an image")
    pixel_size_um: float = Field(1.24, gt=0, le=3, description="µm a pixel (Incucyte at 10×)")

    cells_per_mm2: float = Field(180.0, ge=0, description="cells a mm² at the first time")
    clustering: float = Field(0.5, ge=0, le=1, description="share of the cells lying in groups")
    elongation: float = Field(0.6, ge=0, le=1, description="share of spindle cells; rest spread")
    reach_um: float = Field(48.0, gt=5, description="median length of a cell's processes")
    volume_um3: float = Field(
        2400.0,
        gt=0,
        description="median cell volume (2000-3000 in Milo & Phillips 2015, Cell Biology by the "
        "Numbers)",
    )
    nucleus_diameter_um: float = Field(
        16.5, gt=3, description="median diameter of the circle of a nucleus's area"
    )
    cycle_h: float = Field(24.0, gt=2, description="mean time between two divisions")
    mitosis_h: float = Field(1.0, gt=0, description="time rounded up in mitosis")
    speed_um_h: float = Field(14.0, ge=0, description="root mean square speed of a cell")
    persistence_h: float = Field(1.5, gt=0, description="persistence time of the random walk")
    debris_per_mm2: float = Field(60.0, ge=0, description="particles 1-6 µm across a mm²")
    drift_um: float = Field(1.5, ge=0, description="step of the stage's random walk, each axis")

    wavelength_um: float = Field(0.59, gt=0, description="illumination of the phase image")
    aperture: float = Field(0.3, gt=0, lt=1, description="numerical aperture of the objective")
    ring: tuple[float, float] = Field(
        (0.2, 0.7), description="inner and outer radius of the phase ring, share of the aperture"
    )
    ring_transmission: float = Field(
        0.25, gt=0, le=1, description="intensity that the phase ring lets through"
    )
    bright_phase: bool = Field(
        True, description="thick parts bright (negative phase contrast); no: dark, halo bright"
    )
    defocus_um: float = Field(9.0, description="mean distance of the cells from the focal plane")
    index_step: float = Field(
        0.025, gt=0, description="refractive index of cytoplasm less that of medium"
    )
    phase_gain: float = Field(0.4, gt=0, description="share of the contrast that is recorded")
    phase_noise: float = Field(
        0.006, ge=0, description="noise of the phase image, share of the background"
    )

    dye_negative: float = Field(0.05, ge=0, le=1, description="share of cells without the dye")
    bleed_through: float = Field(0.1, ge=0, le=1, description="share of cells with dyed cytoplasm")
    brightness_cv: float = Field(0.4, ge=0, description="spread of the nuclei's brightness")
    stain_photons: float = Field(
        220.0, gt=0, description="electrons a pixel from a typical nucleus"
    )
    background_photons: float = Field(60.0, ge=0, description="electrons a pixel from the medium")
    vignetting: float = Field(0.35, ge=0, lt=1, description="light lost in the stain's corners")
    read_noise: float = Field(
        4.0, ge=0, description="camera read noise, electrons root mean square"
    )
    out_of_focus: float = Field(0.08, ge=0, le=1, description="share of nuclei out of focus")

    @model_validator(mode="after")
    def _check_plate_and_ring(self) -> "SimulateSettings":
        if len(set(self.wells)) < len(self.wells):
            raise ValueError("wells: a name occurs twice; files of one would replace the other's")
        if not 0 <= self.ring[0] < self.ring[1] <= 1:
            raise ValueError("ring: inner and outer radius must rise from 0 to at most 1")
        return self
