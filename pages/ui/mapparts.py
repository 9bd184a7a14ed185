"""What a map carries besides its tiles, each as one small Leaflet script: nothing here asks the server to draw the page again.

Texts from files reach the script as JSON and the page as text nodes, never as markup. Any error in one of them blanks the whole map,
so the browser tests fail on the first.
"""

from branca.element import MacroElement
from folium.template import Template


class Outlines(MacroElement):
    """Countries under everything else, from the browser's packages."""

    _template = Template("""{% macro script(this, kwargs) %}
    (function () {
      const map = {{ this._parent.get_name() }};
      map.createPane('outlines').style.zIndex = 150;
      fetch({{ this.address|tojson }}).then(answer => answer.ok ? answer.json() : null).then(countries => {
        if (countries) L.geoJSON(countries, {pane: 'outlines', interactive: false,
          style: {color: '#5b6b62', weight: 1, fillColor: '#dfe5dc', fillOpacity: .6}}).addTo(map);
      }).catch(() => {});
    })();{% endmacro %}""")

    def __init__(self, address):
        super().__init__()
        self._name = "Outlines"
        self.address = address


class Seamless(MacroElement):
    """Tiles overlap by a pixel: at zooms between whole ones, light seams would show where their rounded edges meet."""

    _template = Template("""{% macro script(this, kwargs) %}
    (function () {
      const tiles = L.GridLayer.prototype;
      if (tiles.soilcoreSeamless) return;  // this script runs again with each map
      const plain = tiles._initTile;
      L.GridLayer.include({soilcoreSeamless: true, _initTile: function (tile) {
        plain.call(this, tile);
        const size = this.getTileSize();
        Object.assign(tile.style, {width: `${size.x + 1}px`, height: `${size.y + 1}px`, mixBlendMode: 'normal'});
      }});
    })();{% endmacro %}""")

    def __init__(self):
        super().__init__()
        self._name = "Seamless"


class Graticule(MacroElement):
    """Meridians and parallels at round degrees, drawn anew after each move, and a scale in metres."""

    _template = Template("""{% macro script(this, kwargs) %}
    (function () {
      const map = {{ this._parent.get_name() }}, group = L.layerGroup().addTo(map);
      const steps = [30, 10, 5, 2, 1, .5, .2, .1, .05, .02, .01, .005, .002, .001];
      const name = (value, positive, negative, digits) => Math.abs(value).toFixed(digits) + '°' + (value < 0 ? negative : positive);
      const line = (points, text, at) => {
        L.polyline(points, {color: '#17211c', weight: .6, opacity: .45, interactive: false}).addTo(group);
        const label = document.createElement('span');
        label.textContent = text;
        label.style.cssText = 'font: 11px sans-serif; color: #17211c; background: rgba(255,255,255,.7); padding: 0 2px; white-space: nowrap';
        L.marker(at, {interactive: false, keyboard: false, icon: L.divIcon({className: '', html: label, iconSize: null})}).addTo(group);
      };
      const draw = () => {
        group.clearLayers();
        const view = map.getBounds(), west = Math.max(-180, view.getWest()), east = Math.min(180, view.getEast());
        const south = Math.max(-85, view.getSouth()), north = Math.min(85, view.getNorth());
        const low = map.containerPointToLatLng([0, map.getSize().y - 54]).lat;  // clear of the scale
        const step = steps.find(size => (east - west) / size >= 3) || .001, digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
        for (let i = Math.ceil(west / step); i * step <= east; i++)
          line([[south, i * step], [north, i * step]], name(i * step, 'E', 'W', digits), [low, i * step]);
        for (let i = Math.ceil(south / step); i * step <= north; i++)
          line([[i * step, west], [i * step, east]], name(i * step, 'N', 'S', digits), [i * step, west + (east - west) * .055]);
      };
      map.on('moveend', draw);
      map.whenReady(draw);
      L.control.scale({imperial: false}).addTo(map);
    })();{% endmacro %}""")

    def __init__(self):
        super().__init__()
        self._name = "Graticule"


class Samples(MacroElement):
    """Sample places with a black rim, white unless told otherwise, to be seen on every colour; points are (latitude, longitude, text)."""

    _template = Template("""{% macro script(this, kwargs) %}
    const {{ this.get_name() }} = (function () {
      const group = L.layerGroup(), look = {radius: 4, color: '#000', weight: 1.5, fillColor: {{ this.fill|tojson }}, fillOpacity: 1};
      for (const [lat, lon, text] of {{ this.points|tojson }}) {
        const words = document.createElement('span');
        words.textContent = text;
        L.circleMarker([lat, lon], {...look, bubblingMouseEvents: true}).bindTooltip(words).addTo(group);
      }
      return group.addTo({{ this._parent.get_name() }});
    })();{% endmacro %}""")

    def __init__(self, points, fill="#fff"):
        super().__init__()
        self._name = "Samples"
        self.points = points
        self.fill = fill


class Frames(MacroElement):
    """Outlines of images or areas over everything else; frames are (text, [(latitude, longitude), ...])."""

    _template = Template("""{% macro script(this, kwargs) %}
    const {{ this.get_name() }} = (function () {
      const map = {{ this._parent.get_name() }}, group = L.layerGroup(), plain = {fill: false, interactive: false};
      if (!map.getPane('frames')) map.createPane('frames').style.zIndex = 390;
      for (const [text, corners] of {{ this.frames|tojson }}) {
        L.polygon(corners, {...plain, pane: 'frames', color: '#fff', weight: 4, opacity: .8}).addTo(group);
        L.polygon(corners, {...plain, pane: 'frames', color: {{ this.color|tojson }}, weight: 2, dashArray: {{ this.dashes|tojson }}}).addTo(group);
        if (!text) continue;
        const words = document.createElement('span');
        words.textContent = text;
        L.polygon(corners, {stroke: false, fill: true, fillOpacity: 0, pane: 'frames', bubblingMouseEvents: true})
          .bindTooltip(words, {sticky: true}).addTo(group);
      }
      return group.addTo(map);
    })();{% endmacro %}""")

    def __init__(self, frames, color="#0b6e4f", dashes=None):
        super().__init__()
        self._name = "Frames"
        self.frames = frames
        self.color = color
        self.dashes = dashes


class AreaTool(MacroElement):
    """A button to draw a rectangle by dragging, with mouse, pen or finger; the page hears of it as of a drawing.

    The rectangle is kept while the browser window lives, as the view is, and told again after the map was built anew.
    """

    _template = Template("""{% macro script(this, kwargs) %}
    (function () {
      const map = {{ this._parent.get_name() }}, key = 'area:' + {{ this.key|tojson }}, look = {color: '#d55e00', weight: 2, fillOpacity: .12, interactive: false};
      let area = null, active = false, from = null, draw, drop;
      const tell = kept => {
        const layer = area || L.rectangle([[0, 0], [0, 0]]);
        layer.feature = {type: 'Feature', properties: {soilcore: kept ? 'area' : 'no area'}};
        map.fire(kept ? 'draw:created' : 'draw:deleted', {layerType: 'rectangle', layer: layer});
      };
      const place = bounds => { if (area) area.remove(); area = L.rectangle(bounds, look).addTo(map); };
      const mode = on => {
        active = on;
        map.dragging[on ? 'disable' : 'enable']();
        map.getContainer().style.cursor = on ? 'crosshair' : '';
        map.getContainer().style.touchAction = on ? 'none' : '';
        draw.setAttribute('aria-pressed', on);
        draw.style.background = on ? '#d8efe4' : '#fff';
      };
      const control = L.control({position: 'topleft'});
      control.onAdd = () => {
        const box = L.DomUtil.create('div', 'leaflet-bar soilcore-area');
        const button = (label, title, act) => {
          const one = L.DomUtil.create('button', '', box);
          one.type = 'button'; one.textContent = label; one.title = title;
          one.style.cssText = 'display: block; width: 100%; padding: 6px 9px; border: 0; border-bottom: 1px solid #ccc; background: #fff; color: #17211c;' +
            'font: 12px sans-serif; cursor: pointer; text-align: left';
          one.onclick = act;
          return one;
        };
        draw = button('▭ Draw area', 'Press, drag over the map, let go', () => mode(!active));
        drop = button('✕ Remove area', 'Forget the rectangle', () => {
          if (area) { tell(false); area.remove(); area = null; sessionStorage.removeItem(key); }
          drop.style.display = 'none';
        });
        drop.style.display = 'none';
        L.DomEvent.disableClickPropagation(box);
        return box;
      };
      control.addTo(map);
      const at = event => map.mouseEventToLatLng(event), box = map.getContainer();
      box.addEventListener('pointerdown', event => {
        if (!active || event.target.closest('.leaflet-control')) return;
        from = at(event);
        event.preventDefault();
      });
      box.addEventListener('pointermove', event => { if (from) place(L.latLngBounds(from, at(event))); });
      box.addEventListener('pointerup', event => {
        if (!from) return;
        const bounds = L.latLngBounds(from, at(event));
        from = null;
        if (!area || bounds.getNorth() === bounds.getSouth() || bounds.getWest() === bounds.getEast()) return;
        place(bounds);
        mode(false);
        drop.style.display = 'block';
        sessionStorage.setItem(key, JSON.stringify([bounds.getSouthWest(), bounds.getNorthEast()]));
        tell(true);
      });
      const kept = sessionStorage.getItem(key);
      if (kept) { place(L.latLngBounds(JSON.parse(kept))); drop.style.display = 'block'; setTimeout(() => tell(true), 400); }
    })();{% endmacro %}""")

    def __init__(self, key):
        super().__init__()
        self._name = "AreaTool"
        self.key = key


class Panel(MacroElement):
    """Which layer is on top, how strong, its legend, and what else is shown.

    Parameters
    ----------
    layers : list of (TileLayer or ImageOverlay, dict)
        Layers to choose from, of which one is shown, each with its legend:
        ``{"label", "title", "group", "kind": "continuous" | "classes" | "rgb", "entries": [[colour, text]]}``.
    extras : list of (str, element)
        Further things to switch on and off.
    choice : bool
        Whether layers are chosen (not while two are compared side by side).
    """

    _template = Template("""{% macro script(this, kwargs) %}
    (function () {
      const map = {{ this._parent.get_name() }};
      const layers = [{% for layer, legend in this.layers %}{layer: {{ layer.get_name() }}, legend: {{ legend|tojson }}},{% endfor %}];
      const extras = [{% for text, element in this.extras %}[{{ text|tojson }}, {{ element.get_name() }}],{% endfor %}];
      const make = (tag, style, text, into) => {
        const element = document.createElement(tag);
        element.style.cssText = style;
        if (text) element.textContent = text;
        if (into) into.append(element);
        return element;
      };
      const control = L.control({position: 'topright'});
      control.onAdd = () => {
        const box = make('details', 'background: rgba(255,255,255,.94); color: #17211c; padding: 8px 10px; border-radius: 4px; ' +
          'font: 12px/1.45 sans-serif; max-width: 240px; box-shadow: 0 1px 4px rgba(0,0,0,.35); max-height: 585px; overflow: auto');
        box.className = 'soilcore-panel';
        box.open = map.getSize().x > 520;  // on a telephone the map comes first
        make('summary', 'cursor: pointer; font-weight: 600', 'Layers and legend', box);
        L.DomEvent.disableClickPropagation(box);
        L.DomEvent.disableScrollPropagation(box);
        const row = (into, type, text, checked, act) => {
          const label = make('label', 'display: block; cursor: pointer', '', into), input = make('input', 'margin: 0 6px 0 0', '', label);
          input.type = type; input.name = 'soilcore-layer'; input.checked = checked; input.onchange = () => act(input);
          label.append(text);
        };
        let shown = 0;
        const legends = make('div', ''), slider = make('input', 'width: 100%');
        const write = numbers => {
          legends.replaceChildren();
          for (const number of numbers) {
            const legend = layers[number].legend;
            if (legend.kind === 'rgb' && layers.length === 1) continue;  // its name stands above already
            make('div', 'font-weight: 600; margin-top: 6px', legend.title, legends);
            if (legend.kind === 'continuous') {
              const bar = make('div', 'height: 12px; margin: 3px 0; border: 1px solid #777', '', legends);
              bar.style.background = 'linear-gradient(to right, ' + legend.entries.map(entry => entry[0]).join(', ') + ')';
              const ends = make('div', 'display: flex; justify-content: space-between', '', legends);
              make('span', '', legend.entries[0][1], ends);
              make('span', '', legend.entries[legend.entries.length - 1][1], ends);
            } else for (const [colour, text] of legend.entries) {
              const line = make('div', 'display: flex; align-items: center; gap: 6px', '', legends);
              make('span', 'flex: none; width: 16px; height: 12px; border: 1px solid #777; background: ' + colour, '', line);
              make('span', '', text, line);
            }
          }
        };
        const show = number => {
          layers.forEach((entry, i) => i === number ? entry.layer.addTo(map) : entry.layer.remove());
          shown = number;
          slider.value = layers[number].layer.options.opacity;
          write([number]);
        };
        if ({{ this.choice|tojson }}) {
          const several = new Set(layers.map(entry => entry.legend.group)).size > 1;
          layers.forEach((entry, i) => {
            if (several && (i === 0 || layers[i - 1].legend.group !== entry.legend.group))
              make('div', 'margin-top: 5px; color: #51605a; font-size: 11px', entry.legend.group, box);
            row(box, 'radio', entry.legend.label, i === 0, () => show(i));
          });
          const label = make('label', 'display: block; margin-top: 4px', 'Opacity', box);
          slider.type = 'range'; slider.min = 0; slider.max = 1; slider.step = .05;
          slider.className = 'opacity';
          slider.setAttribute('aria-label', 'Opacity of the layer on top');
          slider.oninput = () => layers[shown].layer.setOpacity(+slider.value);
          label.append(slider);
        }
        if (extras.length) make('div', 'margin-top: 6px; border-top: 1px solid #c8d0cb; padding-top: 4px', '', box);
        for (const [text, element] of extras)
          row(box, 'checkbox', text, map.hasLayer(element), input => input.checked ? element.addTo(map) : element.remove());
        box.append(legends);
        if ({{ this.choice|tojson }}) show(0); else write(layers.map((_, i) => i));
        return box;
      };
      control.addTo(map);
    })();{% endmacro %}""")

    def __init__(self, layers, extras=(), choice=True):
        super().__init__()
        self._name = "Panel"
        self.layers = layers
        self.extras = extras
        self.choice = choice


class Inspector(MacroElement):
    """Click a place: its values at once, asked from the server's value route; sources are (label, addresses), values joined by "to"."""

    _template = Template("""{% macro script(this, kwargs) %}
    (function () {
      const map = {{ this._parent.get_name() }}, sources = {{ this.sources|tojson }};
      map.on('click', event => {
        const place = event.latlng.wrap(), box = document.createElement('div');
        const head = document.createElement('div');
        head.textContent = place.lat.toFixed(5) + '°, ' + place.lng.toFixed(5) + '°';
        head.style.cssText = 'color: #555; margin-bottom: 4px';
        box.append(head);
        box.style.cssText = 'font: 13px/1.45 sans-serif';
        const panel = map.getContainer().querySelector('.soilcore-panel'), covered = panel && panel.open ? panel.offsetWidth + 20 : 10;
        const popup = L.popup({maxWidth: 320, autoPanPaddingTopLeft: [50, 10], autoPanPaddingBottomRight: [covered, 10]}).setLatLng(event.latlng).setContent(box).openOn(map);
        const answers = [], ask = address => fetch(address + '?lon=' + place.lng + '&lat=' + place.lat).then(answer => answer.json());
        for (const [label, addresses] of sources) {
          const row = document.createElement('div'), value = document.createElement('b');
          value.textContent = '…';
          row.append(label + ': ', value);
          box.append(row);
          answers.push(Promise.all(addresses.map(ask)).then(found => {
            value.textContent = found.map(one => one.text || one.error).join(' to ');
            row.hidden = found.every(one => one.value === null);
            return !row.hidden;
          }).catch(() => { value.textContent = 'the server does not answer'; return true; }));
        }
        Promise.all(answers).then(known => {
          if (!known.includes(true)) box.append('Nothing is mapped here.');
          popup.update();
        });
      });
    })();{% endmacro %}""")

    def __init__(self, sources):
        super().__init__()
        self._name = "Inspector"
        self.sources = sources


class View(MacroElement):
    """Where the map looks: at `bounds` first, afterwards where this person left it. Added last, or another wish wins."""

    _template = Template("""{% macro script(this, kwargs) %}
    (function () {
      const map = {{ this._parent.get_name() }}, key = 'view:' + {{ this.key|tojson }}, kept = sessionStorage.getItem(key);
      if (kept) { const view = JSON.parse(kept); map.setView(view.centre, view.zoom, {animate: false}); }
      if (!kept || !map.getBounds().intersects({{ this.bounds|tojson }})) {  // nothing of it would be seen
        const panel = map.getContainer().querySelector('.soilcore-panel, .soilcore-years');
        const covered = panel && (panel.open ?? map.getSize().x > 520) ? panel.offsetWidth : 0;  // the panel of years cannot be closed
        map.fitBounds({{ this.bounds|tojson }}, {animate: false, paddingBottomRight: [covered, 0]});
      }
      map.on('moveend', () => sessionStorage.setItem(key, JSON.stringify({centre: map.getCenter(), zoom: map.getZoom()})));
    })();{% endmacro %}""")

    def __init__(self, bounds, key):
        super().__init__()
        self._name = "View"
        self.bounds = bounds
        self.key = key
